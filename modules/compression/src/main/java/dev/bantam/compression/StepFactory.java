package dev.bantam.compression;

/**
 * Reads the settings of one method of one step. Registered through {@link java.util.ServiceLoader}
 * by the module of the method.
 */
public interface StepFactory {
  /** The step's name in recipes, e.g. {@code prune}. */
  String step();

  /** The method's name in recipes, e.g. {@code magnitude}. */
  String method();

  /** Whether this method is meant when a recipe names none. */
  default boolean isDefault() {
    return false;
  }

  /**
   * Reads a step. Problems go to the settings; what is returned then is not used.
   *
   * @param settings the mapping under the step's name; {@code method} has been read already
   */
  Step parse(Settings settings);
}
