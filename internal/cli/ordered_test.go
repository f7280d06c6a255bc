package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/checks"
)

func TestReportsAreInTheOrderOfTheFile(t *testing.T) {
	var got []string
	q := &ordered{ids: []string{"a", "b", "c", "d"}, ended: map[string]checks.Once{}, emit: func(o checks.Once) { got = append(got, o.View.ID) }}
	end := func(id string) { q.add(checks.Once{View: checks.View{ID: id}}) }
	end("b")
	if len(got) != 0 {
		t.Errorf("%v before a has ended", got)
	}
	end("a")
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
		t.Error(diff)
	}
	end("d") // and c never does
	q.flush()
	if diff := cmp.Diff([]string{"a", "b", "d"}, got); diff != "" {
		t.Error(diff)
	}
}
