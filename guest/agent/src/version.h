/* From the VERSION file, by the Makefile. */
#ifndef AGENT_VERSION
#error "AGENT_VERSION is not defined"
#endif
