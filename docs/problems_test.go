package docs_test

import (
	"fmt"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/web/problem"
)

func TestAPIPageHasEveryProblem(t *testing.T) {
	var b strings.Builder
	b.WriteString("| code | status | meaning |\n| --- | --- | --- |\n")
	for _, c := range problem.Codes() {
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", c.Code, c.Status, cell(c.Title))
	}
	page := openPage(t, "guides/api.md")
	page.table(t, "problems", b.String())
	page.close(t)
}
