// Package observe has the record of one observed request, the [Exchange], and
// what takes such records, the [Sink]. Gateway, middleware and everything else
// that sees a request make the same record, so that metrics, logs and pages
// that are fed with it cannot disagree.
package observe
