package ingest

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Collectors returns what is told about log files, to be registered.
func (l *Logs) Collectors() []prometheus.Collector {
	return []prometheus.Collector{newFileFamilies(l), errorLines{l}}
}

// fileFamilies tells how access logs are read, by the path of their entry: there
// are at most as many as the configuration may have.
type fileFamilies struct {
	logs                                                      *Logs
	lines, stray, cut, bytes, truncated, rate, behind, opened *prometheus.Desc
}

func newFileFamilies(l *Logs) *fileFamilies {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("lapwing_access_log_files_"+name, help, append([]string{"path"}, labels...), nil)
	}
	return &fileFamilies{
		logs:      l,
		lines:     desc("lines_total", "Lines of access logs by what became of them: taken as requests, not of the format (mismatch), with a time that cannot be (time).", "result"),
		stray:     desc("no_api_total", "Lines of access logs that were taken although nothing in them tells their API."),
		cut:       desc("cut_lines_total", "Lines of access logs that were longer than 64 KiB, of which only the beginning was read."),
		bytes:     desc("read_bytes_total", "Bytes of access logs that were read, decompressed."),
		truncated: desc("truncations_total", "How often an access log was found truncated, and read from its beginning."),
		rate:      desc("lines_per_second", "Lines of access logs that were read in the last second."),
		behind:    desc("behind_bytes", "Bytes of access logs that are there and were not read yet."),
		opened:    desc("open", "Files that are read for an entry of access_logs: those that are written to, rotated ones that are still being finished, and a backfill's."),
	}
}

// Describe implements prometheus.Collector.
func (f *fileFamilies) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{f.lines, f.stray, f.cut, f.bytes, f.truncated, f.rate, f.behind, f.opened} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (f *fileFamilies) Collect(out chan<- prometheus.Metric) {
	for _, s := range f.logs.sources() {
		if s.access == nil {
			continue
		}
		path := label(s.path)
		counter := func(d *prometheus.Desc, n uint64, labels ...string) {
			out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), append([]string{path}, labels...)...)
		}
		gauge := func(d *prometheus.Desc, n int64) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), path)
		}
		counter(f.lines, s.access.taken.Load(), "taken")
		counter(f.lines, s.access.mismatched.Load(), "mismatch")
		counter(f.lines, s.access.future.Load(), "time")
		counter(f.stray, s.access.unknown.Load())
		counter(f.cut, s.tail.Cut())
		counter(f.bytes, s.tail.Bytes())
		counter(f.truncated, s.tail.Truncations())
		gauge(f.rate, s.tail.Rate())
		gauge(f.behind, s.tail.Behind())
		gauge(f.opened, s.tail.Files())
	}
}

// errorLines tells the lines of error logs that matched. Entries have labels of
// their own, so it cannot say beforehand which there are.
type errorLines struct{ logs *Logs }

// Describe implements prometheus.Collector.
func (errorLines) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (f errorLines) Collect(out chan<- prometheus.Metric) {
	seen := map[string]bool{}
	for _, s := range f.logs.sources() {
		if s.errors == nil {
			continue
		}
		name, api := s.errors.config.name(), s.errors.config.API
		labels := append([]string{"name", "api", "path"}, s.errors.labelNames()...)
		d := prometheus.NewDesc("lapwing_error_log_lines_total", "Lines of error logs that matched, by the groups of their expression.", labels, nil)
		for _, c := range s.errors.counted() {
			values := append([]string{label(name), label(api), label(s.path)}, c.values...)
			m, err := prometheus.NewConstMetric(d, prometheus.CounterValue, float64(c.n), values...)
			key := strings.Join(values, "\x00")
			if err == nil && !seen[key] { // two values may be one after what no label can hold was replaced
				seen[key] = true
				out <- m
			}
		}
	}
}

// label makes a text of a configuration fit for an exposition format.
func label(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
