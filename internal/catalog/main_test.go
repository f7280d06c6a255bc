package catalog

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture parses a file of testdata as the document of an API at base.
func fixture(t testing.TB, name, base string) *Document {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse(data, Origin{API: "shop", Base: base, URL: base + "/openapi.json"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// discard is a context for calls whose outcome does not matter.
var discard = context.Background()
