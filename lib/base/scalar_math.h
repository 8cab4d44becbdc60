// Elementary functions in double precision for what is computed once per step or per parameter: schedules, Adam's bias
// correction, initialisation. They use only IEEE's +, -, *, / and sqrt, and so give the same bits with every libm and
// compiler: law (e). (The functions on vectors are kernels.) Relative error below 1e-15 over the stated range unless noted.
#pragma once

namespace nudge {

double det_exp(double x);            // all x; infinity above 709.78, 0 below -745, rounded twice below -708
double det_log(double x);            // x > 0 and normal
double det_pow(double x, double y);  // x > 0, |y log x| < 700; relative error below 3e-16 (1 + |y log x|)
double det_powi(double x, long n);   // n >= 0, by repeated squaring; relative error below 2.3e-16 n
double det_cos_turns(double t);      // cos(2 pi t), 0 <= t <= 1
double det_sin_turns(double t);      // sin(2 pi t), 0 <= t <= 1

}  // namespace nudge
