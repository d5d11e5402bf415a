/**
 * DL4J networks as models of the contract: {@code MultiLayerNetwork} and {@code ComputationGraph}
 * zips, their weights by name, outputs, gradients and layer inputs.
 */
package dev.bantam.dl4j;
