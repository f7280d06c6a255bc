package archtest_test

import (
	"os"
	"path/filepath"
	"testing"

	"lapwing.dev/lapwing/internal/archtest"
)

// TestTheRepository runs every rule over the checkout.
func TestTheRepository(t *testing.T) {
	tree, err := archtest.Load(os.DirFS(root(t)))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Packages) < 10 {
		t.Fatalf("only %d packages were found: the rules would hold for lack of code", len(tree.Packages))
	}
	for _, rule := range archtest.Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			for _, v := range rule.Check(tree) {
				t.Error(v)
			}
		})
	}
}

// TestThePublicModule runs what holds for any code over the middleware, which is
// a module of its own.
func TestThePublicModule(t *testing.T) {
	tree, err := archtest.Load(os.DirFS(filepath.Join(root(t), "middleware")))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Packages) < 5 {
		t.Fatalf("only %d packages were found: the rules would hold for lack of code", len(tree.Packages))
	}
	for _, rule := range archtest.PublicRules() {
		t.Run(rule.Name, func(t *testing.T) {
			for _, v := range rule.Check(tree) {
				t.Error(v)
			}
		})
	}
}

// root is the folder of the module that this test belongs to.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above this test")
		}
		dir = parent
	}
}
