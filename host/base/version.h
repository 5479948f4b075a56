/* version.h -- the program's version, as --version and the user agent say it. */
#ifndef HOST_BASE_VERSION_H
#define HOST_BASE_VERSION_H

#define VERSION "0.1.0"

#endif
