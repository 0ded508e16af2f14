// The public header admin.h compiles alone.
#include "strandlog/admin.h"
