package cli

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/ingest/accesslog"
	"lapwing.dev/lapwing/middleware/observe"
)

func newLogs(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "logs", Short: "Try out formats of log files", Args: cobra.NoArgs,
		Long: `Try out formats of log files before they are in force:

  lapwing logs test-parser /var/log/nginx/access.log
  lapwing logs test-parser access.log --format '{client} [{time}] "{request}" {status} {bytes} {duration_ms}'`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTestParser(s))
	return cmd
}

// testParser is one call of `lapwing logs test-parser`.
type testParser struct {
	format string
	fields map[string]string
	lines  int
	all    bool
}

func newTestParser(s streams) *cobra.Command {
	m := testParser{}
	cmd := &cobra.Command{
		Use: "test-parser FILE", Short: "Show what a format makes of the lines of a file", Args: cobra.ExactArgs(1),
		Long: `Show what a format makes of the lines of an access log: the first requests as Lapwing
would take them, how many lines are of the format, and where the first ones that are not
stop being so. FILE may be gzip; - is standard input. Without --format it is found out.

Nothing is stored or sent. The exit status is 1 when no line is of the format.`,
		RunE: func(_ *cobra.Command, args []string) error { return m.run(s, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&m.format, "format", "f", accesslog.Auto, "format: "+strings.Join(accesslog.Formats(), ", ")+", or a pattern with {names}")
	flags.StringToStringVar(&m.fields, "field", nil, "name of a member of JSON lines, such as path=request.uri; several with commas")
	flags.IntVarP(&m.lines, "lines", "n", 10, "lines to show, of those that are of the format and of those that are not")
	flags.BoolVar(&m.all, "all", false, "read the whole file, not only its first 100000 lines")
	return cmd
}

// mostLines is how many lines are looked at without --all.
const mostLines = 100_000

var errNoLine = errors.New("no line is of the format")

func (m *testParser) run(s streams, name string) error {
	parser, err := accesslog.New(accesslog.Options{Format: m.format, Fields: m.fields})
	if err != nil {
		return usageError("%w", err)
	}
	in, end, err := openLog(s, name)
	if err != nil {
		return err
	}
	defer end()
	t := &tried{parser: parser, out: s.out, most: m.lines, redact: observe.NewRedactor(observe.RedactOptions{}), table: tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)}
	lines := bufio.NewReaderSize(in, accesslog.MaxLine)
	for m.all || t.total < mostLines {
		line, more, err := readLine(lines)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if !more {
			break
		}
		t.line(line)
	}
	return t.report(name)
}

// openLog opens a file, unpacked if it is gzip; end closes it.
func openLog(s streams, name string) (in io.Reader, end func(), err error) {
	in, end = s.in, func() {}
	if name != "-" {
		file, err := os.Open(name) // #nosec G304 -- the operator's own file
		if err != nil {
			return nil, nil, err
		}
		in, end = file, func() { _ = file.Close() } // it was only read
	}
	buffered := bufio.NewReader(in)
	if magic, _ := buffered.Peek(2); string(magic) != "\x1f\x8b" {
		return buffered, end, nil
	}
	unpacked, err := gzip.NewReader(buffered)
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("read %s: %w", name, err)
	}
	return unpacked, end, nil
}

// readLine reads a line without its end; of one that is too long, the beginning.
func readLine(r *bufio.Reader) (line string, more bool, err error) {
	part, long, err := r.ReadLine()
	if errors.Is(err, io.EOF) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	line = string(part)
	for long && err == nil {
		_, long, err = r.ReadLine()
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return line, true, err
}

// tried is what came of the lines so far.
type tried struct {
	parser accesslog.Parser
	redact *observe.Redactor
	out    io.Writer
	table  *tabwriter.Writer
	most   int

	parsed      accesslog.Line
	total, ok   int
	untimed     int // that say no time
	unmeasured  int // that say no duration
	first, last time.Time
	bad         []badLine
	formats     map[string]int
	statusClass [6]int
}

type badLine struct {
	number   int
	text     string
	mismatch accesslog.Mismatch
}

func (t *tried) line(line string) {
	t.total++
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		t.total--
		return
	}
	if m := t.parser.Parse(line, &t.parsed); !m.OK() {
		if len(t.bad) < t.most {
			t.bad = append(t.bad, badLine{t.total, line, m})
		}
		return
	}
	if t.ok == 0 {
		t.formats = map[string]int{}
	}
	t.formats[t.parser.Format()]++
	t.ok++
	e := &t.parsed.Exchange
	if e.Time.IsZero() {
		t.untimed++
	} else {
		if t.first.IsZero() || e.Time.Before(t.first) {
			t.first = e.Time
		}
		if e.Time.After(t.last) {
			t.last = e.Time
		}
	}
	if e.Duration == 0 {
		t.unmeasured++
	}
	if class := e.Status / 100; class < len(t.statusClass) {
		t.statusClass[class]++
	}
	if t.ok <= t.most {
		t.show(e)
	}
}

// show prints a request as a row.
func (t *tried) show(e *observe.Exchange) {
	if t.ok == 1 {
		fmt.Fprintln(t.table, "TIME\tCLIENT\tREQUEST\tSTATUS\tBYTES\tTOOK\tHOST\tUSER")
	}
	t.redact.Apply(e)
	at, took, client := "(when it is written)", "", ""
	if !e.Time.IsZero() {
		at = e.Time.Format("2006-01-02 15:04:05.000Z07:00")
	}
	if e.Duration > 0 {
		took = e.Duration.Round(time.Microsecond).String()
	}
	if e.Client.IsValid() {
		client = e.Client.String()
	}
	request := strings.TrimSpace(e.Method + " " + e.Path)
	if e.Query != "" {
		request += "?" + e.Query
	}
	if request == "" {
		request = "(no HTTP)"
	}
	fmt.Fprintf(t.table, "%s\t%s\t%s\t%03d\t%d\t%s\t%s\t%s\n", at, orNone(client), printable(request, 80), e.Status, e.ResponseBytes, orNone(took), orNone(printable(e.Host, 40)), orNone(printable(e.User, 20)))
}

// printable cuts a text from outside, and takes out what does something to a terminal.
func printable(s string, most int) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200e && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}

func (t *tried) report(name string) error {
	if err := t.table.Flush(); err != nil {
		return err
	}
	if t.total == 0 {
		return fmt.Errorf("%s has no lines", name)
	}
	found := make([]string, 0, len(t.formats))
	for _, format := range append(accesslog.Formats(), accesslog.Pattern) {
		if t.formats[format] > 0 {
			found = append(found, format)
		}
	}
	if t.ok > 0 {
		fmt.Fprintf(t.out, "\nFormat: %s. %d of %s (%.1f%%) are of it", strings.Join(found, ", "), t.ok, plural(t.total, "line"), 100*float64(t.ok)/float64(t.total))
		if !t.first.IsZero() {
			fmt.Fprintf(t.out, ", from %s to %s", t.first.Format(time.RFC3339), t.last.Format(time.RFC3339))
		}
		fmt.Fprintln(t.out, ".")
		t.hints()
	}
	for _, bad := range t.bad {
		bad.show(t.out)
	}
	if left := t.total - t.ok - len(t.bad); left > 0 {
		fmt.Fprintf(t.out, "\n%s more are not of the format.\n", plural(left, "line"))
	}
	if t.ok == 0 {
		return fmt.Errorf("%s: %w", name, errNoLine)
	}
	return nil
}

// hints says what the lines do not tell.
func (t *tried) hints() {
	if t.untimed == t.ok {
		fmt.Fprintln(t.out, "No line has a time: requests count when their lines are written.")
	}
	if t.unmeasured == t.ok {
		fmt.Fprintln(t.out, "No line has a duration: latencies are not known (nginx: add $request_time to the log_format; Apache: %D).")
	}
}

// show prints a line that is not of the format, with the place where it stops
// being so.
func (b *badLine) show(out io.Writer) {
	const before, width = 60, 100
	from := max(b.mismatch.At-before, 0)
	head := printable(b.text[from:b.mismatch.At], width)
	tail := printable(b.text[b.mismatch.At:], width-len([]rune(head))+1)
	if from > 0 {
		head = "…" + head
	}
	fmt.Fprintf(out, "\nline %d, byte %d: expected %s\n  %s%s\n  %s^\n", b.number, b.mismatch.At+1, b.mismatch.Want, head, tail, strings.Repeat(" ", len([]rune(head))))
}
