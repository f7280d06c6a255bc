package catalog

// API is one entry of the `apis:` section: an HTTP API under watch.
type API struct {
	// Name of the API, unique in the file. Example: orders
	Name string `yaml:"name"`
	// URL that the API is reached at; checks may give paths on it. Example: http://127.0.0.1:8000
	URL string `yaml:"url"`
	// OpenAPI document: a path on url, a URL or a file. It gives the operations. Example: /openapi.json
	OpenAPI string `yaml:"openapi"`
	// Labels to group and select by. Example: {team: shop}
	Labels map[string]string `yaml:"labels"`
}
