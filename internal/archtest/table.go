package archtest

// Room is one line of the import table: a package under internal/ and, unless
// they have a line of their own, the packages below it.
type Room struct {
	Path string // "checks", "checks/assert"
	Owns string // in one line; a package of which it cannot be said is not one yet

	// Only lists the rooms that it may import, besides what lies below itself;
	// nil means any. Never lists the ones that it must not import. A room stands
	// for what lies below it too.
	Only, Never []string
	Why         string // the reason for Only or Never

	// ForTests marks a room that only tests may import.
	ForTests bool
}

// foundation is what every room may stand on.
func foundation(more ...string) []string {
	return append([]string{"fault", "health", "secret", "units", "verbatim"}, more...)
}

// Table says who may import whom. It is about the product's own code: a test may
// bring the real neighbours of what it tests.
func Table() []Room {
	const (
		bottom = "everybody stands on it, so it must stand on nothing"
		domain = "a domain declares a small interface for what it needs and is handed it by app; " +
			"that is what lets one be understood, tested and replaced without the others"
	)
	return []Room{
		{Path: "fault", Owns: "kinds of errors, problems of a configuration", Only: foundation(), Why: bottom},
		{Path: "health", Owns: "the product's own warnings", Only: foundation(), Why: bottom},
		{Path: "secret", Owns: "secrets that cannot be printed, redaction", Only: foundation(), Why: bottom},
		{Path: "units", Owns: "durations and sizes as humans write them", Only: foundation(), Why: bottom},
		{Path: "verbatim", Owns: "parts of the configuration in another product's own language", Only: foundation(), Why: bottom},
		{Path: "lifecycle", Owns: "ordered start and stop", Only: foundation(), Why: bottom},

		{
			Path: "probe", Owns: "one request over one protocol, measured", Only: foundation(),
			Why: "a prober knows its protocol; when to ask and what an answer means is the caller's",
		},
		{
			Path: "catalog", Owns: "APIs and their operations", Only: foundation(),
			Why: "an operation is the key that joins the domains, so it cannot depend on one of them",
		},
		{
			Path: "gateway", Owns: "the way in front of an API: routes, upstreams, who comes in, the decision", Only: foundation("catalog"),
			Why: domain,
		},
		{
			Path: "gateway/upstream", Owns: "one request on its way to a server that can answer it", Only: foundation(),
			Why: "it carries requests; whether one may pass was decided before",
		},
		{
			Path: "gateway/auth", Owns: "who sends a request: API keys and tokens", Only: foundation(),
			Why: "it is handed credentials and says whose they are, for any kind of server",
		},
		{Path: "limits", Owns: "limits and tiers: their configuration, their counters in Redis, their quotas", Only: foundation(), Why: domain},
		{Path: "blocks", Owns: "who is kept out, by whom, until when; abuse rules", Only: foundation(), Why: domain},
		{Path: "traffic", Owns: "observed requests: series, access log, top clients, the last hours", Only: foundation("metrics"), Why: domain},
		{Path: "ingest", Owns: "what others have observed: exchanges, access logs, error logs", Only: foundation("catalog"), Why: domain},
		{Path: "heartbeats", Owns: "signs of life of jobs that run by themselves", Only: foundation(), Why: domain},
		{Path: "slo", Owns: "error rates, objectives and budgets, what is unusual for the hour", Only: foundation("catalog"), Why: domain},
		{Path: "alerting", Owns: "who is told of what: an embedded Alertmanager, deliveries, acknowledgements, escalation", Only: foundation(), Why: domain},
		{Path: "access", Owns: "who may come in: passwords, sessions, tokens", Only: foundation(), Why: domain},
		{Path: "checks", Owns: "scheduled checks: when, what, the verdict, the history", Only: foundation("probe", "catalog"), Why: domain},
		{
			Path: "checks/assert", Owns: "the language of assertions", Only: foundation("probe"),
			Why: "it judges one answer and must be usable without a scheduler or a store",
		},
		{
			Path: "checks/history", Owns: "results as bytes", Only: foundation("probe", "checks"),
			Why: "a codec is pure: bytes in, results out",
		},
		{
			Path: "statuspage", Owns: "the public page: groups, days, incidents, badges", Only: foundation("checks", "catalog"),
			Why: "it is a view of the history of checks and of nothing else",
		},

		{
			Path: "metrics", Owns: "/metrics, the embedded Prometheus, its doors in and out", Only: foundation(),
			Why: "a domain hands it numbers; it knows the format and nobody's meaning",
		},

		{
			Path: "state", Owns: "SQLite behind the domains' Store interfaces", Never: []string{"app", "cli", "config", "demo", "web"},
			Why: "a store is handed its folder and its rows; who asks, and from where, must not matter to it",
		},
		{
			Path: "config", Owns: "lapwing.yaml: loading, positions, schema, reference", Never: []string{"app", "cli", "demo", "lifecycle", "state", "web"},
			Why: "a configuration is read and checked without anything running (`lapwing config check` on a laptop)",
		},
		{
			Path: "web", Owns: "the HTTP surface", Never: []string{"app", "cli", "config", "demo", "state"},
			Why: "handlers reach the domains through interfaces, so that pages and API are tested without a disk or a file",
		},
		{
			Path: "demo", Owns: "an API to watch and its invented history", Never: []string{"cli", "web"},
			Why: "the demo is data for the product, so it cannot know how it is shown",
		},
		{
			Path: "app", Owns: "wiring: builds every part from one configuration", Never: []string{"cli"},
			Why: "the command line calls it, and so may a test",
		},
		{Path: "cli", Owns: "the command line: one file per command"},

		{Path: "config/generate", Owns: "writes schema, reference and example from the structs", Only: foundation("config", "gateway"), Why: "it reads the configuration's structs and nothing else"},
		{Path: "archtest", Owns: "these rules", Only: []string{}, Why: "it reads the tree as text", ForTests: true},
		{Path: "testneeds", Owns: "programs that tests need", Only: []string{}, Why: "any test may use it", ForTests: true},
		{Path: "access/accesstest", Owns: "conformance suite of access.Store", ForTests: true},
		{Path: "limits/limitstest", Owns: "conformance suite of limits.Store", ForTests: true},
		{Path: "limits/redistest", Owns: "a real redis-server that a test may kill", ForTests: true},
		{Path: "ingest/tailtest", Owns: "conformance suite of tail.Store", ForTests: true},
		{Path: "heartbeats/heartbeatstest", Owns: "conformance suite of heartbeats.Store", ForTests: true},
		{Path: "slo/slotest", Owns: "conformance suite of slo.Store", ForTests: true},
		{Path: "alerting/alertingtest", Owns: "conformance suite of alerting.Store", ForTests: true},
		{Path: "checks/storetest", Owns: "conformance suite of checks.Store", ForTests: true},
	}
}

// Engine is an outside package that only few rooms may import.
type Engine struct {
	Import string // a package and those below it
	Rooms  []string
	Why    string
}

// Engines lists the outside packages that stay in one room.
func Engines() []Engine {
	return []Engine{
		{"database/sql", []string{"state"}, "SQL is in one place, so that a second database is a change of one package"},
		{"modernc.org/sqlite", []string{"state"}, "SQL is in one place, so that a second database is a change of one package"},
		{"github.com/spf13/cobra", []string{"cli"}, "a command parses its flags and calls what does the work"},
		{"github.com/expr-lang/expr", []string{"checks/assert", "limits"}, "a language can only be kept stable if one package speaks to its engine: assertions there, conditions of tiers here"},
		{"github.com/redis/rueidis", []string{"limits/redis", "blocks", "app"}, "what is shared over Redis is shared behind an interface"},
		{"github.com/prometheus/prometheus", []string{"metrics"}, "its packages change with each of its releases: one room speaks to them"},
		{"github.com/prometheus/alertmanager", []string{"alerting"}, "its packages change with each of its releases: one room speaks to them"},
		{"github.com/golang-jwt/jwt", []string{"gateway/auth"}, "tokens are verified in one place"},
		{"golang.org/x/crypto/argon2", []string{"access"}, "passwords are hashed in one place"},
	}
}
