package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// join adds the keys of one file, and of those that it includes, to the whole.
// stack holds the files that led here.
func (l *loader) join(src *source, data []byte, stack []*source) {
	if _, known := l.errs.order[src.name]; !known {
		l.errs.order[src.name] = len(l.errs.order)
	}
	if src.path != "" {
		l.sources = append(l.sources, src.path)
	}
	root := l.parse(src, data)
	switch {
	case root == nil || root.kind == nullNode:
		return
	case root.kind != mapNode:
		l.torn = true
		l.errs.failAt(root, "", "write `checks:` and its entries below it", "want a mapping with keys such as checks and apis, got %s", root.describe())
		return
	}
	var include *node
	for i, key := range root.keys {
		value := root.items[i]
		switch {
		case key.text == "include":
			include = value
			if len(stack) == 0 {
				l.merge(key, value)
			}
		case strings.HasPrefix(key.text, "x-"): // a home for anchors
		default:
			l.merge(key, value)
		}
	}
	if include != nil {
		l.include(src, include, append(slices.Clip(stack), src))
	}
}

// merge adds one top-level key to the whole: lists are joined, anything else
// must be given once.
func (l *loader) merge(key, value *node) {
	first := l.given[key.text]
	if first == nil {
		l.given[key.text] = key
		l.joined.keys = append(l.joined.keys, key)
		l.joined.items = append(l.joined.items, value)
		return
	}
	_, known := l.joined.get(key.text)
	switch {
	case isList(key.text):
		l.mergeList(key, value, known)
	case slices.ContainsFunc(fieldsOf(reflect.TypeFor[File]()), func(f field) bool { return f.key == key.text }):
		l.fail(key, key.text, "keep one of them", "given twice; the first is at %s:%d:%d", first.src.name, first.line, first.col)
	default: // an unknown key: the binder reports it at each place
		l.joined.keys = append(l.joined.keys, key)
		l.joined.items = append(l.joined.items, value)
	}
}

func (l *loader) mergeList(key, value, known *node) {
	i := slices.Index(l.joined.items, known)
	switch {
	case value.kind == nullNode:
	case known.kind == nullNode:
		l.joined.items[i] = value
	case value.kind != listNode:
		l.fail(value, key.text, "begin each entry with `- `", "want a list, got %s", value.describe())
	case known.kind == listNode:
		both := *known // other paths may lead to it
		both.items = slices.Concat(known.items, value.items)
		l.joined.items[i] = &both
	}
}

func isList(key string) bool {
	return slices.ContainsFunc(fieldsOf(reflect.TypeFor[File]()), func(f field) bool {
		return f.key == key && f.typ.Kind() == reflect.Slice
	})
}

// include reads the files that a list of paths and patterns names, in order.
func (l *loader) include(src *source, list *node, stack []*source) {
	if list.kind != listNode {
		if len(stack) > 1 && list.kind != nullNode { // the binder reports it for the main file
			l.errs.failAt(list, "include", "write ["+shorten(list.text)+"]", "want a list, got %s", list.describe())
		}
		return
	}
	for i, item := range list.items {
		path := fmt.Sprintf("include[%d]", i)
		if item.kind != scalarNode {
			if len(stack) > 1 {
				l.errs.failAt(item, path, "", "want a text, got %s", item.describe())
			}
			continue
		}
		if !l.disk {
			l.fail(item, path, "", "include: cannot be used here: this configuration is not in a file")
			continue
		}
		pattern, _, ok := l.expand(item, path, scope{})
		if !ok || pattern == "" {
			continue
		}
		for _, name := range l.matches(src, item, path, pattern) {
			l.includeFile(src, item, path, name, stack)
		}
	}
}

// matches returns the files that a path or pattern names, relative to src.
func (l *loader) matches(src *source, item *node, path, pattern string) []string {
	full := pattern
	if !filepath.IsAbs(full) {
		full = filepath.Join(src.dir, pattern)
	}
	if !isPattern(pattern) {
		return []string{full}
	}
	l.seen.pattern(full)
	found, err := filepath.Glob(full)
	if err != nil {
		l.fail(item, path, "patterns may hold *, ? and [a-z]", "%q is not a pattern", shorten(pattern))
		return nil
	}
	// An empty folder is fine, a folder that is not there is a slip of the pen.
	folder := filepath.Dir(full)
	if !isPattern(folder) {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			l.fail(item, path, "", "there is no folder %s", filepath.Dir(pattern))
			return nil
		}
	}
	return found // Glob sorts them
}

func (l *loader) includeFile(from *source, item *node, path, file string, stack []*source) {
	name := file
	if rel, err := filepath.Rel(l.main.dir, file); err == nil && !filepath.IsAbs(l.main.name) {
		name = filepath.Join(filepath.Dir(l.main.name), rel)
	}
	for i, s := range stack {
		if s.path == file {
			names := make([]string, 0, len(stack))
			for _, each := range stack[i:] {
				names = append(names, each.name)
			}
			// A pattern that matches its own file means the others.
			if s == from && isPattern(item.text) {
				return
			}
			l.fail(item, path, "", "files include each other: %s → %s", strings.Join(names, " → "), name)
			return
		}
	}
	switch {
	case len(stack) > maxIncludes:
		l.fail(item, path, "", "files include files deeper than %d levels", maxIncludes)
		return
	case slices.Contains(l.sources, file):
		l.fail(item, path, "name it once", "file %s is included twice", name)
		return
	case len(l.sources) >= maxFiles:
		l.fail(item, path, "", "more than %d files are included", maxFiles)
		return
	}
	l.seen.file(file)
	data, problem := readConfig(file)
	if problem != "" {
		l.fail(item, path, "", "file %s: %s", name, problem)
		return
	}
	l.join(&source{name: name, path: file, dir: filepath.Dir(file)}, data, stack)
}
