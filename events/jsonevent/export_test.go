package jsonevent

// Forget makes a Parser as it was made.
func (p *Parser) Forget() { p.forget() }

// Room is how many keys and objects a Parser has room for.
func (p *Parser) Room() (keys, places int) { return p.keys, p.objects }
