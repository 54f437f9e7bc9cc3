package events

// Left is how many events a Parser has left to the Decoder.
func (p *Parser) Left() int { return p.left }

// Forget makes a Parser as it was made.
func (p *Parser) Forget() { p.forget() }

// Remembered is how many keys and places a Parser has room for.
func (p *Parser) Room() (keys, places int) { return p.keys, p.places }
