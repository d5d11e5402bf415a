package dev.bantam.model;

import dev.bantam.model.Site.Kind;
import java.util.Collection;
import java.util.Map;
import java.util.function.Predicate;

/** The site hooks of one pass; none for a plain one. */
final class Hooks {
  static final Hooks NONE = new Hooks(Map.of());

  private final Map<Site, SiteHook> bySite;

  /**
   * @param bySite in forward order
   */
  Hooks(Map<Site, SiteHook> bySite) {
    this.bySite = bySite;
  }

  /** The hook of a site, or null. */
  SiteHook at(int layer, Kind kind) {
    return bySite.isEmpty() ? null : bySite.get(new Site(layer, kind));
  }

  Collection<SiteHook> all() {
    return bySite.values();
  }

  /** Sends the own gradients of the hooks at some sites. */
  void send(Predicate<Site> which, GradientStore gradients) {
    for (SiteHook hook : bySite.values()) {
      if (which.test(hook.site)) {
        hook.send(gradients);
      }
    }
  }
}
