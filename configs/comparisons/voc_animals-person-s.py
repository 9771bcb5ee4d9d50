# Persons and sofas one after the other, with the values of the task that learns both at once
_base_ = './voc_animals-person.py'
title = 'VOC, real pictures: cat, dog, horse, cow and sheep, then person, then sofa'
leaf = '../bisenet_efficientnet-lite0_voc_animals-person-s_mib.py'
