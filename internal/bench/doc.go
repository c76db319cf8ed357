// Package bench measures Herald. A bench starts what it needs by itself, a database and a server process among them, prints its
// baseline beside each figure, and says under which conditions and how often it ran. Figures are compared as ratios
// within one run; the absolute numbers belong to the machine.
package bench
