// Package scrape reads the metrics of other programs: the section
// scrape_configs, as it is, by Prometheus' own scrape manager.
//
// Of its service discoveries those are compiled in that need nothing but files,
// HTTP and DNS. The others bring the client library of a cloud each, together
// more than everything else here; each of them can write file_sd's files or
// answer http_sd.
package scrape
