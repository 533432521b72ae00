// The number of allocations of the calling thread so far; -1 where they are not counted.
long allocation_count(void);
