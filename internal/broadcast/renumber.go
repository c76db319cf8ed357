package broadcast

// renumber is what happens when l is the first event of a group that was without any for so long that its numbering has been
// forgotten: its sequence says nothing beside those that this node knows. The members who have been told of a sequence (by a resume, or
// are about to be) come back and resume; the others have only been sent what came live, and go on. The caller holds g's lock.
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
		b.remove(m, leftRenumbered) // the last member has taken its place
		out.dropped = append(out.dropped, drop{m.conn, leftRenumbered})
	}
}
