package dev.bantam.model;

/**
 * Looks at the activation of a {@link Site} and changes nothing: ranges, histograms, moments.
 * Called after the forward of each batch on the calling thread, sites in forward order, so that
 * sums are the same for any number of workers.
 */
@FunctionalInterface
public interface ActivationObserver {
  /**
   * Takes the values of one batch.
   *
   * @param value the site's input, before any transform there; valid during the call
   */
  void observe(SiteValue value);
}
