package check

import "fmt"

// Violation is the error that every report returns when it breaks a property.
type Violation struct {
	Property string // as in the dissertation: "election safety"
	Detail   string // who, what, where
}

// Error names the property, then the evidence.
func (v *Violation) Error() string { return "check: " + v.Property + ": " + v.Detail }

func violated(property, format string, args ...any) error {
	return &Violation{Property: property, Detail: fmt.Sprintf(format, args...)}
}
