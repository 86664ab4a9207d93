/* A stand-in for libnvidia-ml.so.1: GPUs whose power follows a curve, at NVML's own interface.
 *
 * NVML_CURVE    "seconds:watts,..." piecewise linear, from NVML_ZERO on; constant before and after
 * NVML_ZERO     CLOCK_MONOTONIC seconds at which the curve begins
 * NVML_UPDATE   seconds between updates of the energy counter (0.1 as on many boards)
 * NVML_STALL    seconds on the curve from which the energy counter stands still
 * NVML_VANISH   seconds on the curve from which the GPU is lost
 * NVML_NO_ENERGY  set: no energy counter, as before Volta
 * NVML_COUNT    number of GPUs (1), all on the same curve
 * NVML_UNMETERED, NVML_SILENT, NVML_GONE  the GPU, from 0, that shows neither energy nor power, that supports no query,
 *               that is there and cannot be opened
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POINTS 64
enum { OK = 0, NOT_SUPPORTED = 3, GPU_IS_LOST = 15 };
static double at[POINTS], watts[POINTS], zero, update = 0.1, stall = INFINITY, vanish = INFINITY;
static int points, has_energy = 1, count = 1, unmetered = -1, silent = -1, gone = -1;

static double number(const char *name, double otherwise) {
    const char *text = getenv(name);
    return text ? atof(text) : otherwise;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9 - zero;
}

static double power(double t) {
    if (t <= at[0]) return watts[0];
    for (int i = 1; i < points; i++)
        if (t <= at[i]) return watts[i - 1] + (watts[i] - watts[i - 1]) * (t - at[i - 1]) / (at[i] - at[i - 1]);
    return watts[points - 1];
}

static double energy(double t) { /* from the curve's zero; trapezoids are exact on a piecewise linear curve */
    double joules = 0, since = 0;
    for (int i = 0; i < points && at[i] < t; i++)
        if (at[i] > since) {
            joules += (power(since) + power(at[i])) / 2 * (at[i] - since);
            since = at[i];
        }
    return joules + (power(since) + power(t)) / 2 * (t - since);
}

static int refuses(void *gpu, int meter) { /* what a query of `gpu` answers first of all; `meter`: of energy or power */
    int index = (int)(size_t)gpu - 1;
    if (index == silent || (meter && index == unmetered)) return NOT_SUPPORTED;
    return now() >= vanish ? GPU_IS_LOST : OK;
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    const char *text = getenv("NVML_CURVE");
    for (points = 0; text && points < POINTS && sscanf(text, "%lf:%lf", &at[points], &watts[points]) == 2;) {
        points++;
        text = strchr(text, ',');
        if (text) text++;
    }
    zero = number("NVML_ZERO", 0);
    update = number("NVML_UPDATE", 0.1);
    stall = number("NVML_STALL", INFINITY);
    vanish = number("NVML_VANISH", INFINITY);
    has_energy = !getenv("NVML_NO_ENERGY");
    count = (int)number("NVML_COUNT", 1);
    unmetered = (int)number("NVML_UNMETERED", -1);
    silent = (int)number("NVML_SILENT", -1);
    gone = (int)number("NVML_GONE", -1);
    return points ? OK : 9; /* driver not loaded */
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) { return code == GPU_IS_LOST ? "GPU is lost" : "Driver Not Loaded"; }
int nvmlDeviceGetCount_v2(unsigned *number_of) { *number_of = (unsigned)count; return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    if ((int)index == gone) return GPU_IS_LOST;
    *handle = (void *)(size_t)(index + 1);
    return OK;
}
int nvmlDeviceGetTotalEnergyConsumption(void *gpu, unsigned long long *millijoules) {
    if (refuses(gpu, 1)) return refuses(gpu, 1);
    if (!has_energy) return NOT_SUPPORTED;
    double t = fmin(now(), stall);
    *millijoules = 1000000 + (unsigned long long)(energy(update > 0 ? floor(t / update) * update : t) * 1000);
    return OK;
}
int nvmlDeviceGetPowerUsage(void *gpu, unsigned *milliwatts) {
    if (refuses(gpu, 1)) return refuses(gpu, 1);
    *milliwatts = (unsigned)(power(now()) * 1000);
    return OK;
}
int nvmlDeviceGetMemoryInfo(void *gpu, unsigned long long *memory) { /* total, free, used */
    if (refuses(gpu, 0)) return refuses(gpu, 0);
    memory[0] = 16ULL << 30;
    memory[2] = 3ULL << 30;
    memory[1] = memory[0] - memory[2];
    return OK;
}
int nvmlDeviceGetUtilizationRates(void *gpu, unsigned *rates) {
    if (refuses(gpu, 0)) return refuses(gpu, 0);
    rates[0] = 75;
    rates[1] = 10;
    return OK;
}
int nvmlDeviceGetClockInfo(void *gpu, int kind, unsigned *megahertz) {
    (void)kind;
    if (refuses(gpu, 0)) return refuses(gpu, 0);
    *megahertz = 1410;
    return OK;
}
int nvmlDeviceGetTemperature(void *gpu, int kind, unsigned *degrees) {
    (void)kind;
    if (refuses(gpu, 0)) return refuses(gpu, 0);
    *degrees = 54;
    return OK;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void *gpu, unsigned long long *reasons) {
    if (refuses(gpu, 0)) return refuses(gpu, 0);
    *reasons = 0;
    return OK;
}
