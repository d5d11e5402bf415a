/** The Vector API twin of the kernels; loaded by reflection, only where the module is present. */
package dev.bantam.tensor.vector;
