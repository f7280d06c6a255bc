package ui

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// checkSettings is what the file says of one check, as lines of the file: a
// table of every setting of 500 checks would weigh most of a megabyte.
type checkSettings struct {
	Name  string
	Place string // "lapwing.yaml:10", where it begins
	Lines string // "  12  every: 30s"
}

// compactChecks turns the settings of the checks into one entry for each check
// with what was written for it. What nobody wrote is the same for nearly all of
// them, so it stays in the section once; a check repeats what differs.
func compactChecks(section *settingSection) {
	usual := usualDefaults(section.Settings)
	var rest []settingRow
	at := map[int]int{} // index in the file → in section.Checks
	told := map[string]bool{}
	for _, row := range section.Settings {
		index, leaf, ok := checkSetting(row.Path)
		if !ok {
			rest = append(rest, row)
			continue
		}
		n, known := at[index]
		if !known {
			n = len(section.Checks)
			at[index] = n
			section.Checks = append(section.Checks, checkSettings{Name: fmt.Sprintf("checks[%d]", index)})
		}
		switch {
		case !row.Default:
			section.Checks[n].add(&row, leaf)
		case row.Value != usual[leaf]:
			section.Checks[n].line("", leaf, row.Value)
		case !told[leaf]:
			told[leaf] = true
			row.Path = "checks[…]." + leaf
			rest = append(rest, row)
		}
	}
	section.Settings = rest
}

// checkSetting splits checks[12].request.url.
func checkSetting(path string) (index int, leaf string, ok bool) {
	path, ok = strings.CutPrefix(path, "checks[")
	if !ok {
		return 0, "", false
	}
	number, leaf, ok := strings.Cut(path, "].")
	index, err := strconv.Atoi(number)
	return index, leaf, ok && err == nil
}

// usualDefaults is the most frequent default of each setting.
func usualDefaults(rows []settingRow) map[string]string {
	type choice struct{ leaf, value string }
	counts := map[choice]int{}
	usual := map[string]string{}
	for i := range rows {
		_, leaf, ok := checkSetting(rows[i].Path)
		if !ok || !rows[i].Default {
			continue
		}
		value := rows[i].Value
		counts[choice{leaf, value}]++
		if best, known := usual[leaf]; !known || counts[choice{leaf, value}] > counts[choice{leaf, best}] {
			usual[leaf] = value
		}
	}
	return usual
}

// add appends a written setting.
func (c *checkSettings) add(row *settingRow, leaf string) {
	if leaf == "name" {
		c.Name = row.Value
	}
	place := row.Place
	if c.Place == "" {
		c.Place = row.Place
	}
	if file, _, found := strings.Cut(c.Place, ":"); found && file == filepath.Base(row.File) {
		place = strconv.Itoa(row.Line)
	}
	c.line(place, leaf, row.Value)
}

func (c *checkSettings) line(place, leaf, value string) {
	if c.Lines != "" {
		c.Lines += "\n"
	}
	c.Lines += fmt.Sprintf("%5s  %s: %s", place, leaf, strings.ReplaceAll(value, "\n", "\n         "))
}
