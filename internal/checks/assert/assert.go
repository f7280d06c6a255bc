// Package assert compiles and evaluates the assertions and captures of checks:
// expr-lang expressions over one HTTP answer, with durations (300ms, 14d) and
// sizes (4KiB) as literals.
package assert
