// Package health looks at labels: how often they are positive, per slice and
// hour; whether that has changed, and whether suddenly or slowly; whether
// scores say what happens; how late outcomes come; and what is not known. It
// reads rows and decides by figures alone; it knows no clock and no server.
//
// HEALTH.md has the rules.
package health
