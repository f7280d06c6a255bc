package upstream

// UseReference makes the pool take the reference path for everything.
func (p *Pool) UseReference() { p.lean = false }
