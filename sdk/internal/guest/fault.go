package guest

import (
	"errors"

	"github.com/techmedaddy/vigil/sdk/abi"
)

// Fault is why a guest refused a message, in the shape that vigil_last_error
// hands to the host. Code is stable and for programs; Path leads to the field
// at fault, for example bands[2].above, and is empty for the whole.
type Fault struct {
	Errno   abi.Errno
	Code    string
	Path    string
	Message string
}

// Error renders the path, if there is one, and the message.
func (f *Fault) Error() string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

// Unwrap returns the error number.
func (f *Fault) Unwrap() error { return f.Errno }

// AppendJSON appends what vigil_last_error answers.
func (f *Fault) AppendJSON(dst []byte) []byte {
	dst = appendText(append(dst, `{"code":`...), f.Code)
	dst = appendText(append(dst, `,"path":`...), f.Path)
	return append(appendText(append(dst, `,"message":`...), f.Message), '}')
}

// FaultOf finds the Fault in err's chain or makes one around it.
func FaultOf(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	errno := abi.ErrInternal
	errors.As(err, &errno)
	code := "internal"
	if errno == abi.ErrBadInput || errno == abi.ErrUnsupported {
		code = "bad_input"
	}
	return &Fault{Errno: errno, Code: code, Message: err.Error()}
}
