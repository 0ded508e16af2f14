// The public header consumer.h compiles alone.
#include "strandlog/consumer.h"
