package dogstatsd

import "sync/atomic"

// packer puts as many lines into a datagram as it holds.
type packer struct {
	limit   int
	tooLong *atomic.Uint64
	send    func(datagram []byte, told []growth)

	datagram []byte
	lines    uint64
	told     []growth
}

// add adds a line, and what is to be noted when it has arrived.
func (p *packer) add(line []byte, g growth) {
	if len(line) > p.limit {
		p.tooLong.Add(1)
		return
	}
	if len(p.datagram)+1+len(line) > p.limit {
		p.flush()
	}
	if len(p.datagram) > 0 {
		p.datagram = append(p.datagram, '\n')
	}
	p.datagram = append(p.datagram, line...)
	p.lines++
	if g.key != "" {
		p.told = append(p.told, g)
	}
}

// flush sends what there is.
func (p *packer) flush() {
	if p.lines > 0 {
		p.send(p.datagram, p.told)
	}
	p.datagram, p.lines, p.told = p.datagram[:0], 0, p.told[:0]
}
