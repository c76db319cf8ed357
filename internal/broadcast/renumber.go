package broadcast

// renumber handles the first event of a group that had none for so long that its numbering was forgotten. The
// sequence of l cannot be compared with those that this node knows. Members that have been told a sequence by a
// resume, or are about to be, have to come back and resume. The others have only been sent live events, and stay.
// The caller holds g's lock.
func (b *Broadcaster) renumber(g *group, out *outcome) {
	for _, e := range g.recent {
		b.uncache(e)
	}
	g.recent = nil
	for i := 0; i < len(g.members); {
		m := g.members[i]
		if m.skip == 0 && !m.catchingUp {
			m.since = since{sequence: unknown}
			i++
			continue
		}
		b.remove(m, leftRenumbered) // the last member has taken its slot
		out.dropped = append(out.dropped, drop{m.conn, leftRenumbered})
	}
}
