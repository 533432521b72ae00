// A libnvidia-ml that tells of two GPUs whose load swings, for looking at the agent on a machine that has none.
#include <math.h>
#include <stdio.h>
#include <time.h>

typedef unsigned long long number;
enum { gpus = 2 };
static const number gibibyte = 1ull << 30;
static const char names[gpus];

static double load(void *device) {
    double gpu = (const char *)device - names;
    return 0.55 + 0.4 * sin(time(0) / 6.0 + 2 * gpu);
}

int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = gpus; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (index >= gpus) return 2;
    *device = (void *)(names + index);
    return 0;
}
int nvmlDeviceGetUUID(void *device, char *text, unsigned size) {
    snprintf(text, size, "GPU-8f5c1e2a-%d", (int)((const char *)device - names));
    return 0;
}
int nvmlDeviceGetName(void *device, char *text, unsigned size) { snprintf(text, size, "NVIDIA H100 80GB HBM3"); return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "570.1"); return 0; }
int nvmlDeviceGetMemoryInfo(void *device, number *memory) {
    memory[0] = 80 * gibibyte;
    memory[2] = (number)((40 + 35 * load(device)) * gibibyte);
    memory[1] = memory[0] - memory[2];
    return 0;
}
int nvmlDeviceGetUtilizationRates(void *device, unsigned *rates) {
    rates[0] = (unsigned)(100 * load(device));
    rates[1] = rates[0] / 2;
    return 0;
}
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *result) { *result = 40 + (unsigned)(35 * load(device)); return sensor; }
int nvmlDeviceGetPowerUsage(void *device, unsigned *result) { *result = 90000 + (unsigned)(500000 * load(device)); return 0; }
int nvmlDeviceGetTotalEnergyConsumption(void *device, number *result) { *result = 1000 * (number)time(0); return 0; }
int nvmlDeviceGetTotalEccErrors(void *device, int type, int counter, number *result) { *result = 0; return counter == 1 ? 0 : 2; }
const char *nvmlErrorString(int code) { return "some error"; }
