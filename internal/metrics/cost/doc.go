// Package cost refuses PromQL that no dashboard or rule needs and that would
// take the server down before the engine's own bounds (time, samples) act.
//
// The engine looks at its deadline between two series, not within one, and
// counts samples, not bytes of labels. Between these lie expressions of a few
// bytes that run for hours or fill the memory: a subquery of a century by
// milliseconds, label_replace that doubles a label thirty times, ten thousand
// brackets. They are told before they run.
package cost
