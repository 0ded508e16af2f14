// The public header client.h compiles alone.
#include "strandlog/client.h"
