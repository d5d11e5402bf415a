package dev.bantam.runner.experiment;

/**
 * What every variant must reach.
 *
 * @param recovery smallest metric value as a share of the dense model's
 */
public record Gate(double recovery) {}
