package remote

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMarksSurviveAndNeverLieAboutTheFuture(t *testing.T) {
	dir := t.TempDir()
	m, err := loadMarks(dir)
	if err != nil {
		t.Fatal(err)
	}
	m.advance("a", 100)
	m.advance("a", 50) // never back
	m.advance("b", 300)
	m.advance("gone", 1)
	m.keep(map[string]bool{"a": true, "b": true})
	m.notAfter(200) // but when the clock was set back
	if err := m.save(true); err != nil {
		t.Fatal(err)
	}
	if m, err = loadMarks(dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int64{"a": 100, "b": 200}, m.sent); diff != "" {
		t.Error(diff)
	}
}

func TestDamagedMarksBeginAnew(t *testing.T) {
	for _, text := range []string{"", "{", "null", `{"a":"x"}`, "[]"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, marksFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := loadMarks(dir)
		if (err == nil) != (text == "null") {
			t.Errorf("%q: %v", text, err)
		}
		m.advance("a", 1)
		if err := m.save(true); err != nil {
			t.Error(err)
		}
	}
}

func TestADiskThatIsFullIsNotAskedEverySecond(t *testing.T) {
	m, err := loadMarks(filepath.Join(t.TempDir(), "gone"))
	if err != nil {
		t.Fatal(err)
	}
	m.advance("a", 1)
	if m.save(false) == nil {
		t.Error("it could be written")
	}
	if err := m.save(false); err != nil || !m.unsaved() {
		t.Errorf("asked again at once: %v", err)
	}
}
