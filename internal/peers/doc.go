// Package peers is how the nodes of one database speak with each other.
package peers
