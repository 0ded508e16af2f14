// The public header producer.h compiles alone.
#include "strandlog/producer.h"
