package statuspage

// Config is the `status_page:` section: what people outside the team may see.
type Config struct {
	// Title of the page. Default: API status.
	Title string `yaml:"title"`
	// Public pages need no password. Names and uptime are shown, never addresses, reasons or answers. Default: false.
	Public bool `yaml:"public"`
	// Checks to show, by name. Default: all.
	Checks []string `yaml:"checks"`
}
