"""An abstract interpreter of Python source: knows what a module's top level computes, without running it.

Statements are followed in the order in which Python would execute them, over real lists, dicts and strings;
whatever depends on something outside the project is an `Unknown`, which says where and why. A value is
therefore either exactly what Python would compute, or unknown: never a guess.
"""
