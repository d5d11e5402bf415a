/**
 * Curvature of the task loss: products with its Hessian, traces, eigenvalues and the density of the
 * spectrum, from first derivatives alone.
 */
package dev.bantam.training.hessian;
