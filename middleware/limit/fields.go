package limit

// Header is where AppendFields writes; an http.Header is one.
type FieldSetter interface{ Set(name, value string) }

// AppendFields sets the RateLimit and RateLimit-Policy fields and, on a
// rejection, Retry-After.
func AppendFields(h FieldSetter, d *Decision) {}
