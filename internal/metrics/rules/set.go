package rules

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/metrics"
)

// The bounds of all rule files together.
const (
	maxFiles    = 1000
	maxFile     = 4 << 20 // bytes
	maxRules    = 20_000
	maxMistakes = 50 // told of one file
	minInterval = time.Second
	// maxSeries is what one rule may yield where its group sets no `limit`.
	maxSeries = 20_000
)

// defaultInterval is the interval of a group that has none of its own.
const defaultInterval = 15 * time.Second

// set is all rules of a configuration, parsed.
type set struct {
	interval time.Duration
	files    map[string]*rulefmt.RuleGroups // by the name that is shown
}

func (s *set) names() []string { return slices.Sorted(maps.Keys(s.files)) }

// Prepare reads and parses all rule files and returns what puts them in force.
// Its error is fault.Problems, one for each mistake, with the file and its line.
// A group that has not changed goes on, one that has keeps the alerts of rules
// that are still there.
func (m *Manager) Prepare(cfg metrics.Config) (commit func(), err error) {
	next := &set{interval: time.Duration(cfg.Metrics.RuleInterval), files: map[string]*rulefmt.RuleGroups{}}
	if next.interval <= 0 {
		next.interval = defaultInterval
	}
	var problems fault.Problems
	rules := 0
	for i, pattern := range cfg.Rules {
		path := fmt.Sprintf("rules[%d]", i)
		for _, file := range expand(cfg.Dir, pattern, path, &problems) {
			name := shown(cfg.Dir, file)
			if next.files[name] != nil {
				continue // two patterns name it
			}
			if len(next.files) >= maxFiles {
				problems.Add(path, "put several groups into one file", "there are more than %d rule files", maxFiles)
				return nil, problems
			}
			groups := m.read(file, name, path, &problems)
			if groups == nil {
				continue
			}
			next.files[name] = groups
			for _, group := range groups.Groups {
				rules += len(group.Rules)
			}
		}
	}
	if rules > maxRules {
		problems.Add("rules", "", "there are %d rules; at most %d are evaluated", rules, maxRules)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return func() { m.commit(next) }, nil
}

func (m *Manager) commit(next *set) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set = next
	if m.running != nil {
		m.update()
	}
}

// expand returns the files that a path or pattern names.
func expand(dir, pattern, path string, problems *fault.Problems) []string {
	full := pattern
	if !filepath.IsAbs(full) {
		full = filepath.Join(dir, pattern)
	}
	files, err := filepath.Glob(full)
	switch {
	case err != nil:
		problems.Add(path, "* stands for any part of a name, as in rules/*.yaml", "%q is no pattern", pattern)
	case len(files) == 0 && !strings.ContainsAny(pattern, "*?["):
		problems.Add(path, "paths are relative to the configuration file", "there is no file %q", pattern)
	}
	return files
}

// shown is how a file is called: relative to the configuration where it is
// below it.
func shown(dir, file string) string {
	if name, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(name) {
		return filepath.ToSlash(name)
	}
	return file
}

// read parses one file; it returns nil when it has mistakes.
func (m *Manager) read(file, name, path string, problems *fault.Problems) *rulefmt.RuleGroups {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		problems.Add(path, "", "cannot read %s: %v", name, err)
		return nil
	case !info.Mode().IsRegular():
		problems.Add(path, "name files, or a pattern such as rules/*.yaml", "%s is no file", name)
		return nil
	case info.Size() > maxFile:
		problems.Add(path, "split it", "%s has %d bytes; at most %d are read", name, info.Size(), maxFile)
		return nil
	}
	content, err := os.ReadFile(file) // #nosec G304 -- the operator names the rule files
	if err != nil {
		problems.Add(path, "", "cannot read %s: %v", name, err)
		return nil
	}
	before := len(*problems)
	groups := m.parse(content, name, path, problems)
	if len(*problems) > before {
		return nil
	}
	return groups
}

// parse parses the content of a file, bounds included.
func (m *Manager) parse(content []byte, name, path string, problems *fault.Problems) *rulefmt.RuleGroups {
	groups, errs := rulefmt.Parse(content, false, model.UTF8Validation, m.parser, slog.New(slog.DiscardHandler))
	var told []string
	for _, err := range errs {
		for _, text := range mistakes(err, content) {
			if slices.Contains(told, text) || len(told) >= maxMistakes {
				continue // the file is read twice
			}
			told = append(told, text)
			problems.Add(path, "", "%s:%s", name, text)
		}
	}
	if groups == nil {
		return nil
	}
	for i := range groups.Groups {
		group := &groups.Groups[i]
		if interval := time.Duration(group.Interval); interval != 0 && interval < minInterval {
			problems.Add(path, "the smallest is "+minInterval.String(), "%s: group %q: the interval %s is too short", name, group.Name, interval)
		}
		if group.Limit == 0 {
			group.Limit = maxSeries
		}
	}
	return groups
}
