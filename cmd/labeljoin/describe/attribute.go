package describe

import (
	"fmt"
	"strings"

	"github.com/labeljoin/labeljoin/config"
)

// attributedTo says whose an outcome is that names no request.
func attributedTo(a *config.Attribute) string {
	which := map[config.AttributeTo]string{
		config.AttributeLast:     "belongs to the last request",
		config.AttributeFirst:    "belongs to the first request",
		config.AttributeAll:      "belongs to every request",
		config.AttributeEven:     "is shared equally by the requests",
		config.AttributePosition: "is shared by the requests, of which the first and the last have 40 % each,",
	}[a.To]
	var equal []string
	for _, field := range a.Keys() {
		equal = append(equal, field+" = "+a.By[field])
	}
	if _, item := a.By[config.AttributeItem]; item {
		equal = append(equal, "its item among theirs")
	}
	return fmt.Sprintf("%s of the %s before it with %s", which, a.Within, strings.Join(equal, ", "))
}
