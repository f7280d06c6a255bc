// Package assert compiles and evaluates the assertions and captures of checks:
// expr-lang expressions over one HTTP answer, with durations (300ms, 14d) and
// sizes (4KiB) as literals.
//
// The life of one assertion:
//
//	text ─ source (literals) ─ parse ─ resolve (names) ─ lower ─ check types ─ Program
//	                                                                             │ Check(Answer)
//	                                                     holds, or why not ──────┘
//
// Every mistake that can be seen without an answer is an *Error of Compile,
// with its place in the text as it was written. What only an answer can show (a
// missing member, a body that is not JSON) is an assertion that does not hold.
//
// Answers are hostile: evaluation neither panics nor runs for longer than about
// a second, and needs memory in proportion to the body.
package assert
