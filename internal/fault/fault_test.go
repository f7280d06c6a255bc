package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestAKindIsFoundThroughWrapping(t *testing.T) {
	err := fmt.Errorf("open the page: %w", NotFound("check %q: %w", "x", io.EOF))
	if KindOf(err) != KindNotFound || !errors.Is(err, io.EOF) {
		t.Errorf("kind %q, cause kept: %v", KindOf(err), errors.Is(err, io.EOF))
	}
	if got, want := err.Error(), `open the page: check "x": EOF`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if KindOf(io.EOF) != "" || KindOf(nil) != "" {
		t.Error("an error without a kind has one")
	}
}

func TestProblemsKnowTheirPlace(t *testing.T) {
	var inner, outer Problems
	inner.Add("assert[0]", `did you mean "status"?`, "unknown name %q", "stauts")
	inner.Add("", "", "the check asks for nothing")
	outer.Merge("checks[2]", inner)
	want := "checks[2].assert[0]: unknown name \"stauts\"; did you mean \"status\"?\nchecks[2]: the check asks for nothing"
	if got := outer.Err().Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if (Problems{}).Err() != nil {
		t.Error("no problem is an error")
	}
	if got := JoinPath("checks", "[2]"); got != "checks[2]" {
		t.Errorf("joined as %s", got)
	}
}

func TestDidYouMean(t *testing.T) {
	words := []string{"status", "headers", "every", "url"}
	for word, want := range map[string]string{
		"stauts": `did you mean "status"?`, "STATUS": `did you mean "status"?`, "evry": `did you mean "every"?`,
		"ulr": `did you mean "url"?`, "intervall": "", "": "", "xyz": "",
	} {
		if got := DidYouMean(word, words); got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}
	}
}
