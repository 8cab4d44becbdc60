// Elementary functions in double precision for what is computed once a step or once a parameter:
// schedules, Adam's bias correction, initialisation. Built from IEEE's +, -, *, / and sqrt alone, so
// they give the same bits with every libm and compiler; the vectors' counterparts are kernels.
// Relative error below 1e-15 over the ranges stated.
#pragma once

namespace nudge {

double det_exp(double x);             // all x; 0 and infinity beyond the range
double det_log(double x);             // x > 0 and normal
double det_pow(double x, double y);   // x > 0, |y log x| < 700; error grows with |y log x|: below 1e-13
double det_powi(double x, long n);    // n >= 0, by repeated squaring
double det_cos_turns(double t);       // cos(2 pi t), 0 <= t <= 1
double det_sin_turns(double t);       // sin(2 pi t), 0 <= t <= 1

}  // namespace nudge
