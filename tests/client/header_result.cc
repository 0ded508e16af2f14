// The public header result.h compiles alone.
#include "strandlog/result.h"
