package catalog

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Learned makes route templates of the paths of an API that has no document:
//
//	/orders/17/items/8c5a3b1e-6f0d-…  ──►  /orders/{id}/items/{id}
//
// Segments that cannot be words (numbers, UUIDs, hashes, dates, tokens, escaped
// text) become {id} at once. Words that turn out to be values, because ever new
// ones come, become {id} later. The number of templates is bounded; what does not
// fit is OtherTemplate, and so are paths that only scanners ask for: when it gets
// full, what was hardly ever seen is forgotten first.
//
// Template may be called concurrently. For a path that it knows it takes no lock
// and allocates nothing.
type Learned struct {
	root *word

	mu        sync.Mutex // for all changes of the tree
	words     int        // nodes of the tree
	templates int        // nodes with a template
	forgotten time.Time  // when room was last made
}

// OtherTemplate stands for all paths beyond the bounds of Learned.
const OtherTemplate = "/{other}"

// Bounds of Learned, for one API.
const (
	maxTemplates   = 500
	maxWords       = 4096 // nodes, so that deep paths that end nowhere are bounded, too
	maxPathDepth   = 24
	maxWordLength  = 64
	firstValues    = 64  // so many different words in one place, and they may be values
	mostValues     = 512 // so many, and they are
	seenOften      = 64  // counting stops here, so that well-known paths are only read
	seenAsWord     = 8   // words come again, values hardly do
	forgetInterval = time.Minute
)

// word is one segment of templates: a node of their tree.
type word struct {
	seen     atomic.Uint32
	missed   atomic.Uint32                    // of these, how often the API said that there is no such thing
	words    atomic.Pointer[map[string]*word] // never changed in place; nil: none
	id       atomic.Pointer[word]             // all other segments; nil: none yet
	template atomic.Pointer[string]           // of paths that end here; nil: none yet
	prefix   string                           // template of paths that end here
	limit    int                              // how many words may follow before they are looked at; under mu
	closed   atomic.Bool                      // what follows are values: new ones are {id}
}

// NewLearned returns one that knows nothing.
func NewLearned() *Learned {
	return &Learned{root: newWord(""), words: 1}
}

func newWord(prefix string) *word { return &word{prefix: prefix, limit: firstValues} }

// Template is the template of an escaped path without its query. A slash at the
// end makes no difference.
func (l *Learned) Template(path string) string {
	if path == "" || path[0] != '/' {
		return OtherTemplate
	}
	path = strings.TrimRight(path, "/")
	n := l.root
	rest := path
	for depth := 0; rest != ""; depth++ {
		if depth >= maxPathDepth {
			return OtherTemplate
		}
		segment := rest[1:]
		rest = ""
		if i := strings.IndexByte(segment, '/'); i >= 0 {
			segment, rest = segment[:i], segment[i:]
		}
		next := n.follow(segment)
		if next == nil {
			return l.learn(path)
		}
		next.count()
		n = next
	}
	if t := n.template.Load(); t != nil {
		return *t
	}
	return l.learn(path)
}

// follow returns the node of the next segment; nil when it is not known.
func (n *word) follow(segment string) *word {
	if words := n.words.Load(); words != nil {
		if next := (*words)[segment]; next != nil {
			return next
		}
	}
	if n.closed.Load() || isValue(segment) {
		return n.id.Load()
	}
	return nil
}

// count notes that the word was seen. It stops early: a counter that all
// processors write to costs more than all the rest.
func (n *word) count() {
	if n.seen.Load() < seenOften {
		n.seen.Add(1)
	}
}

// isMissing reports whether the API mostly says that there is no such thing.
func (n *word) isMissing() bool { return 2*n.missed.Load() >= max(n.seen.Load(), 1) }

// Missed notes that a path with this template was answered with 404 or 405: what
// is not there makes room first.
func (l *Learned) Missed(template string) {
	n := l.root
	for segment := range strings.SplitSeq(strings.TrimPrefix(template, "/"), "/") {
		var next *word
		if words := n.words.Load(); words != nil {
			next = (*words)[segment]
		}
		if segment == "{id}" {
			next = n.id.Load()
		}
		if next == nil {
			return
		}
		n = next
	}
	if n.missed.Load() < seenOften {
		n.missed.Add(1)
	}
}

// learn adds what is missing of a path.
func (l *Learned) learn(path string) string {
	if strings.Count(path, "/") > maxPathDepth {
		return OtherTemplate
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.templates >= maxTemplates || l.words >= maxWords {
		l.forget()
	}
	n := l.root
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if path == "" {
			break
		}
		next := n.follow(segment)
		if next == nil {
			if next = l.add(n, segment); next == nil {
				return OtherTemplate
			}
			next.count()
		}
		n = next
	}
	if t := n.template.Load(); t != nil {
		return *t
	}
	if l.templates >= maxTemplates {
		return OtherTemplate
	}
	l.templates++
	template := cmp.Or(n.prefix, "/")
	n.template.Store(&template)
	return template
}

// add adds a segment after n; nil when there is no room.
func (l *Learned) add(n *word, segment string) *word {
	if !isValue(segment) {
		l.judge(n)
	}
	if n.closed.Load() || isValue(segment) {
		if next := n.id.Load(); next != nil {
			return next
		}
		if l.words >= maxWords {
			return nil
		}
		l.words++
		next := newWord(n.prefix + "/{id}")
		n.id.Store(next)
		return next
	}
	if l.words >= maxWords {
		return nil
	}
	l.words++
	segment = strings.Clone(segment) // the path may be a part of something large
	next := newWord(n.prefix + "/" + segment)
	words := map[string]*word{segment: next}
	if old := n.words.Load(); old != nil {
		maps.Copy(words, *old)
	}
	n.words.Store(&words)
	return next
}

// judge looks at the words after n when they have become many. When most of them
// come again and again, they are words, and more may follow. Else they are values:
// those that stand out stay, all others become {id}.
func (l *Learned) judge(n *word) {
	words := n.words.Load()
	if n.closed.Load() || words == nil || len(*words) < n.limit {
		return
	}
	if words = l.keep(n, func(w *word) bool { return !w.isMissing() }); len(*words) < n.limit/2 {
		return // a scanner went by
	}
	seen := make([]uint32, 0, len(*words))
	for _, w := range *words {
		seen = append(seen, w.seen.Load())
	}
	slices.Sort(seen)
	median := seen[len(seen)/2]
	if median >= seenAsWord && n.limit < mostValues {
		n.limit *= 2
		return
	}
	n.closed.Store(true)
	least := min(seenAsWord*max(median, 1), seenOften)
	if kept := l.keep(n, func(w *word) bool { return w.seen.Load() >= least }); len(*kept) >= mostValues/2 {
		l.keep(n, func(*word) bool { return false }) // nothing stands out
	}
}

// keep drops all words after n but those that are wanted.
func (l *Learned) keep(n *word, wanted func(*word) bool) *map[string]*word {
	kept := map[string]*word{}
	if words := n.words.Load(); words != nil {
		for text, w := range *words {
			if wanted(w) {
				kept[text] = w
			} else {
				l.drop(w)
			}
		}
	}
	n.words.Store(&kept)
	return &kept
}

// drop takes a node and all that follow it out of the counts.
func (l *Learned) drop(n *word) {
	l.words--
	if n.template.Load() != nil {
		l.templates--
	}
	n.each(l.drop)
}

// each calls do for every node that follows n.
func (n *word) each(do func(*word)) {
	if words := n.words.Load(); words != nil {
		for _, w := range *words {
			do(w)
		}
	}
	if id := n.id.Load(); id != nil {
		do(id)
	}
}

// forget makes room: what was hardly seen since the last time goes, and what
// stays has to be seen again.
func (l *Learned) forget() {
	now := time.Now()
	if now.Sub(l.forgotten) < forgetInterval {
		return
	}
	l.forgotten = now
	l.thin(l.root)
}

func (l *Learned) thin(n *word) {
	known := func(w *word) bool { return w.seen.Load() >= seenAsWord && !w.isMissing() }
	l.keep(n, known)
	if id := n.id.Load(); id != nil && !known(id) {
		l.drop(id)
		n.id.Store(nil)
	}
	n.each(func(w *word) {
		w.seen.Store(w.seen.Load() / 2)
		w.missed.Store(w.missed.Load() / 2)
		l.thin(w)
	})
}
