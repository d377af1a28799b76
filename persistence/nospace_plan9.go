package persistence

import "errors"

var errNoSpace = errors.New("no space left on device")
