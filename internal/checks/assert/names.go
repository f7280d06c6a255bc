package assert

import (
	"strings"
	"sync"
)

// Name is one entry of the language's reference.
type Name struct {
	Name    string // as written in an assertion: "status", "tls.expires_in", "len"
	Type    string // of the value, or the parameters and value of a function
	Doc     string // one sentence
	Example string // an assertion (or capture) that uses it
}

// Names returns what an assertion can say about an answer, in the order of the
// reference. The caller owns the slice.
func Names() []Name {
	return []Name{
		{"status", "number", "HTTP status of the answer.", "status in 200..299"},
		{"headers", "texts by name", "Headers of the answer; upper and lower case are the same, several values are joined with a comma. A header that was not sent is null.", `headers["Content-Type"] startsWith "application/json"`},
		{"body", "text", "Body of the answer, decoded.", `body contains "ok"`},
		{"json", "any", "Body of the answer, read as JSON. If it is not JSON, the assertion does not hold. A member that is not there is null. Whole numbers are exact up to 64 bits.", "len(json.orders) > 0"},
		{"latency", "duration", "Sum of the phases below.", "latency < 300ms"},
		{"dns", "duration", "Time to resolve the name.", "dns < 20ms"},
		{"connect", "duration", "Time to connect.", "connect < 50ms"},
		{"tls", "duration", "Time of the TLS handshake; zero on plain HTTP.", "tls < 100ms"},
		{"ttfb", "duration", "Time from the connection to the first byte of the answer.", "ttfb < 150ms"},
		{"transfer", "duration", "Time from the first to the last byte of the answer.", "transfer < 1s"},
		{"tls.expires_in", "duration", "Time until the first certificate of the chain expires; negative when it has. Like every tls.… it does not hold on plain HTTP.", "tls.expires_in > 14d"},
		{"tls.expires", "time", "When the first certificate of the chain expires.", `tls.expires > date("2030-01-01")`},
		{"tls.version", "text", "Version of TLS.", `tls.version == "TLS 1.3"`},
		{"tls.cipher", "text", "Cipher suite.", `tls.cipher contains "GCM"`},
		{"tls.subject", "text", "Subject of the server's certificate.", `tls.subject contains "example.com"`},
		{"tls.issuer", "text", "Issuer of the server's certificate.", `tls.issuer contains "Let's Encrypt"`},
		{"tls.dns_names", "list of texts", "Names for which the server's certificate is valid.", `"api.example.com" in tls.dns_names`},
		{"size", "number", "Size of the body in bytes, decoded.", "size < 1MiB"},
		{"protocol", "text", `"HTTP/1.0", "HTTP/1.1" or "HTTP/2.0"; "HTTP/2" means the same as "HTTP/2.0".`, `protocol == "HTTP/2"`},
		{"cookies", "cookies by name", "Cookies that the answer sets, with value, secure, http_only, same_site (lax, strict, none), path, domain and expires. A cookie that is not set is null.", "cookies.session.secure"},
		{"redirects", "list of texts", "URLs to which the request was redirected, in order.", "len(redirects) == 0"},
		{"ip", "text", "Address that answered, without the port.", `ip startsWith "10."`},
		{"attempt", "number", "1, or more in a retry.", "attempt == 1 or latency < 1s"},
		{"vars", "values by name", "What earlier steps captured.", "json.owner == vars.user"},
	}
}

// Functions returns the functions of the language, in alphabetical order. The
// caller owns the slice.
func Functions() []Name {
	return []Name{
		{"abs", "(number) number", "Number without its sign.", "abs(json.balance) < 100"},
		{"all", "(list, condition) true or false", "Whether every element meets the condition, in which # is the element.", "all(json.orders, .total >= 0)"},
		{"any", "(list, condition) true or false", "Whether some element meets the condition.", `any(json.orders, .status == "open")`},
		{"ceil", "(number) number", "Number rounded up.", "ceil(json.load) <= 4"},
		{"count", "(list, condition) number", "How many elements meet the condition.", "count(json.nodes, .ready) >= 3"},
		{"date", "(text) time", "Time from a text.", `date(json.updated_at) > now() - 1h`},
		{"duration", "(text) duration", "Duration from a text.", "duration(json.took) < 1s"},
		{"filter", "(list, condition) list", "Elements that meet the condition.", "len(filter(json.nodes, not .ready)) == 0"},
		{"find", "(list, condition) any", "First element that meets the condition, or null.", `find(json.items, .id == 7).name == "lamp"`},
		{"findIndex", "(list, condition) number", "Place of the first element that meets the condition, or null.", "findIndex(json.items, .id == 7) == 0"},
		{"first", "(list) any", "First element, or null.", "first(json.items).id == 1"},
		{"float", "(any) number", "Number from a text.", "float(json.price) < 9.99"},
		{"floor", "(number) number", "Number rounded down.", "floor(json.load) < 4"},
		{"fromBase64", "(text) text", "Text from Base64.", `fromBase64(json.data) contains "ok"`},
		{"fromJSON", "(text) any", "Value from JSON in a text.", "fromJSON(json.payload).ok"},
		{"indexOf", "(text, text) number", "Where the second text begins in the first, in bytes; -1 when it is not there.", `indexOf(body, "<html") == 0`},
		{"int", "(any) number", "Whole number from a text or number.", `int(headers["X-RateLimit-Remaining"]) > 10`},
		{"keys", "(object) list", "Names of the members.", `"id" in keys(json)`},
		{"last", "(list) any", "Last element, or null.", "last(json.items).id == 9"},
		{"len", "(text, list or object) number", "Length: bytes of a text, elements of a list, members of an object.", "len(json.orders) > 0"},
		{"lower", "(text) text", "Text in lower case.", `lower(json.state) == "up"`},
		{"map", "(list, expression) list", "Result of the expression for every element.", "sum(map(json.items, .count)) > 0"},
		{"max", "(numbers or list) number", "Largest number.", "max(json.loads) < 0.9"},
		{"mean", "(list) number", "Average.", "mean(json.loads) < 0.5"},
		{"median", "(list) number", "Median.", "median(json.loads) < 0.5"},
		{"min", "(numbers or list) number", "Smallest number.", "min(json.stock) > 0"},
		{"none", "(list, condition) true or false", "Whether no element meets the condition.", `none(json.jobs, .state == "failed")`},
		{"now", "() time", "The time of the run.", "date(json.updated_at) > now() - 1h"},
		{"one", "(list, condition) true or false", "Whether exactly one element meets the condition.", "one(json.nodes, .leader)"},
		{"replace", "(text, text, text) text", "Text with each second text replaced by the third.", `int(replace(json.size, "px", "")) > 10`},
		{"reverse", "(list) list", "List in reverse order.", "reverse(json.ids)[0] == 9"},
		{"round", "(number) number", "Number rounded to the nearest whole one.", "round(json.load) < 4"},
		{"sort", "(list) list", "List in ascending order.", "sort(json.ids) == json.ids"},
		{"sortBy", "(list, expression) list", "List in ascending order of the expression.", "sortBy(json.items, .at)[0].id == 1"},
		{"split", "(text, text) list", "Pieces of the first text between the second.", `split(headers.location, "/")[4]`},
		{"string", "(any) text", "Text of a value.", `string(json.id) == vars.id`},
		{"sum", "(list) number", "Sum of the numbers.", "sum(json.shares) == 100"},
		{"take", "(list, number) list", "First elements.", "all(take(json.items, 3), .new)"},
		{"toJSON", "(any) text", "Value as JSON.", `toJSON(json.tags) contains "new"`},
		{"trim", "(text) text", "Text without white space around it.", `trim(body) == "ok"`},
		{"trimPrefix", "(text, text) text", "Text without that beginning.", `trimPrefix(json.version, "v") >= "2"`},
		{"trimSuffix", "(text, text) text", "Text without that end.", `int(trimSuffix(json.load, "%")) < 90`},
		{"type", "(any) text", `Type of a value: nil, bool, int, float, string, array or map.`, `type(json.orders) == "array"`},
		{"uniq", "(list) list", "List without repeated elements.", "len(uniq(json.ids)) == len(json.ids)"},
		{"upper", "(text) text", "Text in upper case.", `upper(json.currency) == "EUR"`},
		{"values", "(object) list", "Values of the members.", `all(values(json.checks), # == "ok")`},
	}
}

// vocabulary is what Compile knows of names.
type vocabulary struct {
	names     map[string]bool
	functions map[string]bool
}

// words returns the vocabulary, which nobody changes.
var words = sync.OnceValue(newVocabulary)

func newVocabulary() vocabulary {
	v := vocabulary{names: make(map[string]bool), functions: make(map[string]bool)}
	for _, n := range Names() {
		if !strings.Contains(n.Name, ".") {
			v.names[n.Name] = true
		}
	}
	for _, f := range Functions() {
		v.functions[f.Name] = true
	}
	return v
}

// otherWords maps what people write first to the name that they mean.
func otherWords(name string) string {
	switch name {
	case "code", "status_code", "statusCode", "http_status":
		return "status"
	case "duration", "response_time", "responseTime", "time", "elapsed":
		return "latency"
	case "header", "response_headers":
		return "headers"
	case "cookie":
		return "cookies"
	case "certificate", "cert", "tls_handshake", "ssl":
		return "tls"
	case "http_version", "version", "http":
		return "protocol"
	case "text", "content", "response":
		return "body"
	}
	return ""
}
